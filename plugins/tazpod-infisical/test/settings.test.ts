import {expect} from 'chai';
import backend from '../src/backend.ts';
import {makeContext, troubleOf} from './bed.ts';

const project = 'af6942bb-9dc3-4923-b3f0-1bf38e522808';

describe('The settings of Infisical', () => {
  const check = (settings: Record<string, unknown>) => backend.checkSettings!(settings);

  it('are right with a project alone, in its old and its new spellings', () => {
    for (const name of ['project', 'project-id', 'infisical_project_id']) {
      expect(check({[name]: project}), name).to.deep.equal([]);
    }
  });

  it('are right with everything', () => {
    const all = {
      project,
      infisical_url: 'https://infisical.example.com/api',
      environment: 'prod',
      auth: 'universal-auth',
      'client-id': 'an-id',
      'client-secret-file': '~/secrets/client-secret',
      'keep-client-secret': true,
      'ca-file': 'ca.pem',
    };
    expect(check(all)).to.deep.equal([]);
  });

  it('want trust where they have a file read and sent to a server, or an authority trusted', () => {
    expect(backend.needsTrust!({project, url: 'https://infisical.example.com'})).to.deep.equal([]);
    const url = 'https://elsewhere.example';
    const settings = {project, url, 'client-secret-file': 'a', 'token-file': '~/.netrc', 'ca-file': './ca.pem'};
    expect(backend.needsTrust!(settings)).to.deep.equal([
      `sends the content of the file "a" to ${url}`,
      `sends the content of the file "~/.netrc" to ${url}`,
      `trusts the certificates in "./ca.pem" to speak for ${url}`,
    ]);
  });

  const wrong: readonly [object, RegExp][] = [
    [{}, /^project is missing/],
    [{project: 7}, /^project must be a string/],
    [{project: 'a/../b'}, /^project must be the id/],
    [{project, 'project-id': project}, /are the same setting/],
    [{project, url: 'infisical.example.com'}, /^url must be the address/],
    [{project, url: 'file:///etc/passwd'}, /^url must be the address/],
    [{project, url: 'https://user:word@infisical.example.com'}, /^url must be the address/],
    [{project, auth: 'password'}, /^auth must be one of universal-auth, access-token, cli/],
    [{project, 'keep-client-secret': 'yes'}, /^keep-client-secret must be true or false/],
    [{project, 'token-file': 'token'}, /^token-file needs auth: access-token/],
    [{project, auth: 'cli', 'keep-client-secret': true}, /^keep-client-secret needs auth: universal-auth/],
    [{project, 'client-secret-file': 'secret'}, /^client-secret-file needs client-id/],
    [{project, environment: ''}, /^environment must be a string/],
    [{project, 'client-secret': 'in the file'}, /^"client-secret" is not a setting/],
  ];
  for (const [settings, sentence] of wrong) {
    it(`are refused as ${JSON.stringify(settings)}`, async () => {
      const [problem, ...others] = check(settings as Record<string, unknown>);
      expect(others).to.deep.equal([]);
      expect(problem).to.match(sentence);
      const context = makeContext({settings: settings as Record<string, unknown>});
      const trouble = await troubleOf(backend.readFolder(context, {path: '/', recursive: false}));
      expect(trouble).to.include({kind: 'settings', why: problem});
    });
  }
});
