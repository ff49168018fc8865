/** Takes signals in place of dying of them, until the function that it returns is called. */
export function takeSignals<S extends NodeJS.Signals>(signals: readonly S[], take: (signal: S) => void): () => void {
  const listener = (signal: NodeJS.Signals) => take(signal as S);
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
