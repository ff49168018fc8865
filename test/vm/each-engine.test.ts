import {whole} from '../../scripts/sample.js';
import {describeInMachine} from './guest-tests.ts';

describeInMachine('in a machine with device-mapper', ['test/product/each-engine.test.ts'], {
  // The fuse engine passes them on the host too.
  environment: {TAZPOD_TEST_ENGINES: whole ? 'dm-crypt fuse' : 'dm-crypt'},
  ...(whole ? {} : {only: /is created|is closed by the kernel|is read without a change/}),
  product: true,
});
