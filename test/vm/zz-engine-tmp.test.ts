import {describeInMachine} from './guest-tests.ts';

describeInMachine(
  'on the kernel of Debian 12',
  ['test/engines/fuse/engine.test.ts', 'test/engines/file-system.test.ts'],
  {timeoutMs: 1_700_000},
);
