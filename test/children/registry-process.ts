// A registry on loopback in a process of its own: `node registry-process.ts CONFIG`. It prints its port, and ends with
// its standard input.
import type {AddressInfo} from 'node:net';
import type {Server} from 'node:http';
import {runServer} from 'verdaccio';

const server = (await runServer(process.argv[2]!)) as Server;
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
process.stdin.on('end', () => process.exit(0)).resume();
