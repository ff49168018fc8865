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

  before(async () => {
    double = await startInfisical();
    proxy = createServer((request, response) => {
      forwarded.push(request.url!);
      const onwards = send(request.url!, {method: request.method!, headers: request.headers, agent: false});
      onwards.on('response', (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onwards);
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

  it('needs a valid address, and an invalid one is not repeated', async () => {
    const environment = {http_proxy: 'http://me:password@:x'};
    const trouble = await troubleOf(logIn({...contextFor(double), environment}, double));
    expect(trouble.kind).to.equal('settings');
    expect(JSON.stringify(trouble)).not.to.include('password');
  });
});
