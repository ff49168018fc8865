import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import backend from '../src/backend.ts';
import {contextFor, logIn, troubleOf, valuesOf} from './bed.ts';

const root = {environment: 'dev', path: '/', recursive: false};

describe('An Infisical server with a certificate of its own authority', () => {
  let folder: string;
  let double: InfisicalDouble;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-test-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const made = spawnSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
      ],
      {encoding: 'utf8'},
    );
    expect(made.status, made.stderr).to.equal(0);
    double = await startInfisical({tls: {key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8')}});
  });
  after(async () => {
    await double.close();
    rmSync(folder, {recursive: true, force: true});
  });

  it('is trusted when the settings name the certificate', async () => {
    const context = {...contextFor(double, {'ca-file': 'cert.pem'}), projectFolder: folder};
    await logIn(context, double);
    expect(valuesOf(await backend.readFolder(context, root))).to.have.property('/GITHUB_TOKEN');
    await backend.logout!(context);
    expect(context.warnings).to.deep.equal([]);
  });

  it('is not trusted otherwise, and receives nothing', async () => {
    double.forget();
    const trouble = await troubleOf(logIn(contextFor(double), double));
    expect(trouble.what).to.equal(`The certificate of ${double.url} is not trusted.`);
    expect(trouble.next).to.match(/ca-file .* NODE_EXTRA_CA_CERTS/);
    expect(double.requests).to.deep.equal([]);
  });

  it('needs a file with a certificate in it', async () => {
    writeFileSync(join(folder, 'empty'), '');
    const context = {...contextFor(double, {'ca-file': 'empty'}), projectFolder: folder};
    expect((await troubleOf(logIn(context, double))).what).to.match(/ holds no certificate in PEM form\.$/);
    rmSync(join(folder, 'empty'));
    expect((await troubleOf(logIn(context, double))).what).to.match(/ cannot be read\.$/);
  });
});
