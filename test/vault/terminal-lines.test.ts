import type {WriteStream} from 'node:tty';
import {expect} from 'chai';
import {endTerminalLinesWithCrLf} from '../../src/vault/terminal-lines.ts';

function stream(isTTY: boolean): {stream: WriteStream; written: () => string} {
  let written = '';
  const write = (chunk: string | Uint8Array) => {
    written += Buffer.from(chunk as Uint8Array).toString('latin1');
    return true;
  };
  return {stream: {isTTY, write} as unknown as WriteStream, written: () => written};
}

describe('The lines that the CLI writes to a terminal', () => {
  it('end with CR LF, texts and bytes, and have it once', () => {
    const terminal = stream(true);
    for (const _twice of [1, 2]) endTerminalLinesWithCrLf([terminal.stream]);
    terminal.stream.write('one\ntwo\r\n');
    terminal.stream.write(Buffer.from('three\n\xff\n', 'latin1'));
    expect(terminal.written()).to.equal('one\r\ntwo\r\nthree\r\n\xff\r\n');
  });

  it('go to a pipe or a file as they are', () => {
    const pipe = stream(false);
    endTerminalLinesWithCrLf([pipe.stream]);
    pipe.stream.write('one\n');
    expect(pipe.written()).to.equal('one\n');
  });
});
