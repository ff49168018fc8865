import {expect} from 'chai';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {root} from '../../../scripts/setup.js';
import {phases, stepOf} from '../../../src/lifecycle/step.ts';

describe('The picture of the README', () => {
  const picture = readFileSync(join(root, 'docs', 'tour.svg'), 'utf8').replace(/&#(\d+);/g, (_match, code) =>
    String.fromCharCode(Number(code)),
  );

  it('shows the lifecycle as it is now; otherwise: npm run picture', () => {
    for (const phase of ['create', 'openCreated', 'close'] as const) {
      for (const id of phases[phase]) expect(picture).to.include(stepOf(id).title);
    }
  });

  it('shows what the tour promises', () => {
    expect(picture.match(/>Permission denied</g)).to.have.length.greaterThan(1);
    expect(picture).to.include('>(empty)<');
    expect(picture).to.include('Seal the session: sealed');
  });

  it('names no path and no user of the machine it was made on', () => {
    const paths = [...picture.replace(/<style>[^]*<\/style>/, '').matchAll(/[\s>]((?:\/[\w.-]+)+)/g)];
    const allowed = /^\/(home\/dev\/\.tazpod-tour-\w{6}|proc\/\d+\/(root\/home\/dev\/\.tazpod-tour-\w{6}|environ))/;
    expect(paths.map(([, path]) => path!).filter((path) => !allowed.test(path))).to.deep.equal([]);
    expect(paths).not.to.have.length(0);
  });
});
