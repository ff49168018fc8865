import type {WriteStream} from 'node:tty';

const adapted = new WeakSet<WriteStream>();

/**
 * From now on, everything that this process writes to a terminal ends its lines with CR LF.
 *
 * With `Defaults use_pty`, sudo gives its command a terminal of its own and puts the user's into raw mode for as long as
 * the command runs, and so does the relay of a session. The terminal then adds no carriage return to a line feed, and
 * each line would start below the end of the last one. Node cannot ask a terminal for its mode, and the mode changes
 * under us. On a terminal in its usual mode the additional carriage return does nothing.
 */
export function endTerminalLinesWithCrLf(streams: readonly WriteStream[] = [process.stdout, process.stderr]): void {
  for (const stream of streams) {
    if (!stream.isTTY || adapted.has(stream)) continue;
    adapted.add(stream);
    const write: (chunk: string | Uint8Array, ...rest: never[]) => boolean = stream.write.bind(stream);
    stream.write = (chunk: string | Uint8Array, ...rest: never[]) => write(withCrLf(chunk), ...rest);
  }
}

function withCrLf(chunk: string | Uint8Array): string | Uint8Array {
  if (typeof chunk === 'string') return chunk.replaceAll(/\r?\n/g, '\r\n');
  return Buffer.from(Buffer.from(chunk).toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
}
