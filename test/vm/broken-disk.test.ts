import {describeInMachine} from './guest-tests.ts';

describeInMachine('in a machine whose disk can fail', ['test/vm/guest/broken-disk.ts']);
