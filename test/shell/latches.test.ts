import {expect} from 'chai';
import type {FoundContributions} from '../../src/extensions/contributions.ts';
import {collectLatches} from '../../src/shell/latches.ts';
import {typedCommands} from '../../src/shell/typed-commands.ts';
import {whichShells} from '../../src/shell/which-shell.ts';
import {failureOf} from '../failure-of.ts';

const origin = {from: 'built-in'} as const;

function found(...latches: {command: string; reason?: string}[]): FoundContributions {
  const plugin = {name: 'tazpod-x', version: '1.0.0', root: '/x', type: 'user'};
  return {plugins: [{plugin, contributions: {contract: 1, latches}}], problems: []};
}

describe('What the code for a shell is made of', () => {
  it('has each latch once, with the reason of the configuration', () => {
    const latches = collectLatches(found({command: 'gemini', reason: 'theirs'}, {command: 'codex'}), [
      {command: 'gemini', reason: 'mine', origin},
    ]);
    expect(latches).to.deep.equal([{command: 'codex'}, {command: 'gemini', reason: 'mine'}]);
  });

  it('has no latch whose name is code, or TazPod itself, even if one got this far', () => {
    const names = [
      'a b',
      'a;b',
      '$(a)',
      '-a',
      '',
      'a/b',
      'a\nb',
      'tazpod',
      '__tazpod',
      '__tazpod_latch',
      'x'.repeat(65),
    ];
    expect(collectLatches(found(...names.map((command) => ({command}))), [])).to.deep.equal([]);
  });

  it('has commands and their aliases with spaces, flags with hyphens, and nothing hidden', () => {
    const command = (id: string, more: object) => ({id, aliases: [], flags: {}, hidden: false, ...more});
    const commands = [
      command('vault:unlock', {
        summary: 'Open | it',
        aliases: ['unlock'],
        flags: {
          join: {name: 'join', type: 'boolean', allowNo: true},
          image: {name: 'image', type: 'option'},
          secret: {name: 'secret', type: 'option', hidden: true},
        },
      }),
      command('__internal', {hidden: true}),
    ];
    const flags = ['--help', '--image', '--join', '--no-join'];
    expect(typedCommands(commands as unknown as Parameters<typeof typedCommands>[0])).to.deep.equal([
      {id: 'unlock', summary: 'Open   it', flags},
      {id: 'vault unlock', summary: 'Open   it', flags},
    ]);
  });

  it('is for the shell that was named, else those of the configuration, else the login shell', async () => {
    expect(whichShells('fish', ['zsh'], '/bin/bash')).to.deep.equal(['fish']);
    expect(whichShells(undefined, ['zsh', 'bash'], '/bin/bash')).to.deep.equal(['zsh', 'bash']);
    expect(whichShells(undefined, undefined, '/bin/bash')).to.deep.equal(['bash']);
    for (const name of ['../x', '', 'A', 'a b'])
      expect((await failureOf(() => whichShells(name, undefined, ''))).code).to.equal(64);
  });
});
