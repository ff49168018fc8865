/**
 * How much the tests of the virtual machine do. `npm run test:vm` plays everything; `npm test`, which has other things
 * to do, what is not the same once more.
 */
export const whole = process.env['TAZPOD_TEST_VM'] === 'whole';
