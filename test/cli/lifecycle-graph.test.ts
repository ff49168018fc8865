import {expect} from 'chai';
import {type GraphStyle, LifecycleGraph, type StepMessage} from '../../src/cli/report/lifecycle-graph.ts';

/** What a graph writes to standard error while it is shown these messages and closed. */
async function drawn(style: GraphStyle, messages: readonly StepMessage[]): Promise<string> {
  const write = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += chunk.toString();
    return true;
  };
  try {
    const graph = new LifecycleGraph(style);
    for (const message of messages) await graph.show(message);
    await graph.close();
  } finally {
    process.stderr.write = write;
  }
  return text;
}

const opening: readonly StepMessage[] = [
  {say: 'phase', phase: 'prepare'},
  {say: 'started', step: 'unshare'},
  {say: 'done', step: 'unshare', ms: 3},
  {say: 'started', step: 'lock'},
  {say: 'done', step: 'lock', ms: 250, note: 'a note'},
  {say: 'started', step: 'vet'},
  {say: 'broken', step: 'vet', why: 'it is none'},
];

describe('The graph of the lifecycle', () => {
  it('is a line for each step that has ended, where nothing can be redrawn', async () => {
    expect(await drawn('lines', opening)).to.equal(
      [
        '✔ Enter a private mount namespace',
        '✔ Take the lock of the vault: a note, 0.3 s',
        '✖ Vet the LUKS2 header: it is none',
        '',
      ].join('\n'),
    );
  });

  it('says what was skipped and why', async () => {
    const text = await drawn('lines', [
      {say: 'phase', phase: 'open'},
      {say: 'skipped', step: 'bridge', why: 'none'},
    ]);
    expect(text).to.equal('- Bridge directories of the home: skipped (none)\n');
  });

  it('is nothing where silence was asked for', async () => {
    expect(await drawn('silent', opening)).to.equal('');
  });

  it('ignores a message that belongs to no step it shows', async () => {
    const strange: readonly StepMessage[] = [
      {say: 'done', step: 'mount', ms: 1},
      {say: 'phase', phase: 'unlock'},
      {say: 'done', step: 'mount', ms: 1},
      {say: 'progress', step: 'unlock', doneBytes: 1, totalBytes: 2},
    ];
    expect(await drawn('lines', strange)).to.equal('');
  });

  it('may be closed at any moment, and twice', async () => {
    const graph = new LifecycleGraph('silent');
    await graph.close();
    await graph.show({say: 'phase', phase: 'open'});
    await graph.close();
    await graph.close();
  });
});
