// Installs a set into the vault of the first argument, and kills itself before the operation of the second one.
import {install} from '../../src/secrets/installed/install.ts';
import {later} from '../secrets/installed/sets.ts';
import {wrapOperations} from '../secrets/installed/faulty-disk.ts';

const [vault, point] = process.argv.slice(2);
const operations = wrapOperations((index, act) => {
  if (index === Number(point)) process.kill(process.pid, 'SIGKILL');
  act();
});
install(vault!, later, {operations});
