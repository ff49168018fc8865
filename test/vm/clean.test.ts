import {describeInMachine} from './guest-tests.ts';

describeInMachine('in a machine with device-mapper', ['test/vm/guest/clean.ts']);
