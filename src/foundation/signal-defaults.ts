/**
 * Gives the signals that Node ignores for itself their usual meaning back: what is ignored stays so across an exec, and
 * `yes | head` would not end quietly. Node has no call for it, but takes its handler away with the last listener.
 */
export function restoreSignalDefaults(): void {
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) {
    const listener = () => {};
    process.on(signal, listener);
    process.removeListener(signal, listener);
  }
}
