import {describeInMachine} from './guest-tests.ts';

// The fuse engine passes them on the host too. There and here takes a minute more: `npm run test:vm` does it.
const engines = process.env['TAZPOD_TEST_VM'] === 'whole' ? 'dm-crypt fuse' : 'dm-crypt';

describeInMachine('in a machine with device-mapper', ['test/product/each-engine.test.ts'], {
  environment: {TAZPOD_TEST_ENGINES: engines},
  product: true,
});
