import {createServer, request as send, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import {contextFor, logIn, troubleOf} from './bed.ts';

describe('A proxy between Infisical and us', () => {
  let double: InfisicalDouble;
  let proxy: Server;
  let proxyUrl: string;
  let forwarded: string[];
  let credentials: string | undefined;

  before(async () => {
    double = await startInfisical();
    proxy = createServer((request, response) => {
      forwarded.push(request.url!);
      credentials = request.headers['proxy-authorization'];
      const onwards = send(request.url!, {method: request.method!, headers: request.headers, agent: false});
      onwards.on('response', (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onwards);
    });
    proxy.on('connect', (request, socket) => {
      forwarded.push(`CONNECT ${request.url!}`);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    forwarded = [];
  });
  after(async () => {
    await double.close();
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it('is used when the user’s environment names it', async () => {
    await logIn({...contextFor(double), environment: {http_proxy: proxyUrl}}, double);
    expect(forwarded).to.deep.equal([`${double.url}/api/v1/auth/universal-auth/login`]);
  });

  it('is not used for what the environment exempts', async () => {
    await logIn({...contextFor(double), environment: {http_proxy: proxyUrl, no_proxy: '127.0.0.1'}}, double);
    expect(forwarded).to.deep.equal([]);
  });

  it('is told the name in its address, also without a password', async () => {
    for (const [given, told] of [
      ['me', 'me:'],
      ['me:p%40ss', 'me:p@ss'],
    ]) {
      const http_proxy = proxyUrl.replace('//', `//${given}@`);
      await logIn({...contextFor(double), environment: {http_proxy}}, double);
      expect(credentials).to.equal(`Basic ${Buffer.from(told!).toString('base64')}`);
    }
  });

  it('of HTTP is not given what goes to a server of HTTPS', async () => {
    const context = (environment: Record<string, string>) => ({
      ...contextFor(double, {url: double.url.replace('http:', 'https:')}),
      environment,
    });
    const trouble = await troubleOf(logIn(context({http_proxy: proxyUrl}), double));
    expect(trouble.what).to.match(/^https:.* cannot be reached\.$/);
    expect(forwarded).to.deep.equal([]);
    await troubleOf(logIn(context({HTTPS_PROXY: proxyUrl}), double));
    expect(forwarded).to.deep.equal([`CONNECT ${new URL(double.url).host}`]);
  });

  it('needs a valid address, and an invalid one is not repeated', async () => {
    const environment = {http_proxy: 'http://me:password@:x'};
    const trouble = await troubleOf(logIn({...contextFor(double), environment}, double));
    expect(trouble.kind).to.equal('settings');
    expect(JSON.stringify(trouble)).not.to.include('password');
  });
});
