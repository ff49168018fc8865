import {expect} from 'chai';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import ts from 'typescript';
import {root} from '../../scripts/setup.js';
import {page} from './pages.ts';

/** The types that `--json` prints, and where each is. */
const types: Readonly<Record<string, string>> = {
  PulledSummary: 'src/vault/state.ts',
  PullResult: 'src/secrets/pull/pull.ts',
  Difference: 'src/secrets/installed/compare.ts',
  PulledState: 'src/secrets/installed/list.ts',
  CheckResult: 'src/commands/secrets/check.ts',
  AuditEntry: 'src/secrets/vault-directory/audit.ts',
  GetResult: 'src/commands/secrets/get.ts',
  EnvResult: 'src/commands/secrets/env.ts',
  LoginResult: 'src/commands/secrets/login.ts',
  LogoutResult: 'src/commands/secrets/logout.ts',
  VaultState: 'src/vault/state.ts',
  SessionState: 'src/vault/state.ts',
  CreateResult: 'src/vault/create.ts',
  SessionResult: 'src/vault/session.ts',
  LockResult: 'src/vault/lock.ts',
  AllLocked: 'src/commands/vault/lock.ts',
  KeyListResult: 'src/vault/keys.ts',
  KeyChangeResult: 'src/vault/keys.ts',
  KeySlot: 'src/lifecycle/message.ts',
  BackupResult: 'src/vault/backup.ts',
  BackupRecord: 'src/vault/backup-record.ts',
  RestoreResult: 'src/vault/restore.ts',
  RestorePreview: 'src/vault/restore.ts',
  StoredVault: 'src/vault/restore.ts',
  VaultCheck: 'src/vault/check.ts',
  VaultFinding: 'src/vault/check-finding.ts',
  DestroyResult: 'src/vault/destroy.ts',
  AdoptResult: 'src/vault/adopt.ts',
  CleanResult: 'src/vault/clean.ts',
  Observation: 'src/lifecycle/cleaning.ts',
  CleanedAction: 'src/vault/clean.ts',
  InitResult: 'src/project/init.ts',
  InitFile: 'src/project/init.ts',
  ConfigResult: 'src/config/explain.ts',
  ExplainedSetting: 'src/config/explain.ts',
  ConfigFile: 'src/config/config.ts',
  TourResult: 'src/tour/tour.ts',
  UpdateResult: 'src/commands/update.ts',
  Look: 'src/tour/outside.ts',
  ShellInitResult: 'src/commands/shell/init.ts',
  ShellInstallResult: 'src/shell/install.ts',
  PluginOverview: 'src/extensions/overview.ts',
  PluginChange: 'src/extensions/install.ts',
  CreatedPlugin: 'src/extensions/create.ts',
  Diagnosis: 'src/doctor/diagnose.ts',
  Finding: 'src/doctor/finding.ts',
  Conclusion: 'src/doctor/conclusion.ts',
  SudoersAdvice: 'src/doctor/diagnose.ts',
};

const text = page('docs/json.md').text;

/** The rows of the table behind the first mention of a type: name, and whether it is optional. */
function documented(type: string): Map<string, boolean> {
  const [, table = ''] =
    /\| field [^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)/.exec(text.slice(text.indexOf(`\`${type}\``))) ?? [];
  const rows = table.trimEnd().split('\n');
  return new Map(
    rows.map((row) => {
      const [, field = '', , meaning = ''] = row.split('|').map((cell) => cell.trim());
      return [field.replaceAll('`', ''), meaning.startsWith('*optional*')];
    }),
  );
}

/** The properties of a type literal in the source: name, and whether it is optional. */
function declared(type: string): Map<string, boolean> {
  const source = ts.createSourceFile('x.ts', readFileSync(join(root, types[type]!), 'utf8'), ts.ScriptTarget.Latest);
  const found = source.statements.find(
    (each): each is ts.TypeAliasDeclaration => ts.isTypeAliasDeclaration(each) && each.name.text === type,
  );
  if (found === undefined || !ts.isTypeLiteralNode(found.type)) throw new Error(`${type} is no type literal`);
  return new Map(
    found.type.members
      .filter(ts.isPropertySignature)
      .map((member) => [(member.name as ts.Identifier).text, member.questionToken !== undefined]),
  );
}

describe('docs/json.md', () => {
  for (const type of Object.keys(types)) {
    it(`has the fields of ${type} as they are`, () => {
      expect([...documented(type)].sort()).to.deep.equal([...declared(type)].sort());
    });
  }

  it('has every id of a finding, and every state of a vault', () => {
    const ids = /export type FindingId =([^;]*);/.exec(readFileSync(join(root, types['Finding']!), 'utf8'))![1]!;
    const states = /readonly state: ([^;]*);/.exec(readFileSync(join(root, types['VaultState']!), 'utf8'))![1]!;
    for (const [, word] of `${ids}${states}`.matchAll(/'([^']+)'/g)) expect(text).to.include(`\`${word!}\``);
  });
});
