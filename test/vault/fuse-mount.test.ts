import {expect} from 'chai';
import {parseMountinfo} from '../../src/kernel/mountinfo.ts';
import type {KeySource} from '../../src/lifecycle/plan.ts';
import {refuseWhatRootCannotSee} from '../../src/vault/fuse-mount.ts';
import {failureOf} from '../failure-of.ts';

describe('A FUSE mount of the user', () => {
  // Recorded with sshfs 3.7, and with fuse2fs 1.47 as root.
  const mounts = parseMountinfo(
    Buffer.from(
      [
        '29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw',
        '90 29 0:50 / /home/ada/remote rw,nosuid,nodev shared:2 - fuse.sshfs host:/ rw,user_id=1000,group_id=1000',
        '91 29 0:51 / /home/ada/open rw,nosuid,nodev shared:3 - fuse.sshfs host:/ rw,user_id=1000,group_id=1000,allow_other',
        '92 90 254:0 /x /home/ada/remote/local rw shared:4 - ext4 /dev/vda1 rw',
        '',
      ].join('\n'),
    ),
  );
  const typed: KeySource = {from: 'terminal'};
  const file = (path: string): KeySource => ({from: 'file', form: 'passphrase', path});

  it('is refused where root would have to look into it, for the image and for the passphrase', async () => {
    expect(await failureOf(() => refuseWhatRootCannotSee('/home/ada/remote/v.img', typed, mounts))).to.include({
      code: 77,
      message: 'Root cannot access /home/ada/remote, which contains the image.',
    });
    const key = file('/home/ada/remote/pw');
    expect(await failureOf(() => refuseWhatRootCannotSee('/home/ada/v.img', key, mounts))).to.include({
      code: 77,
      message: 'Root cannot access /home/ada/remote, which contains the passphrase or key.',
    });
  });

  it('is taken where it lets others in, and so is what lies beside it or on another mount in it', () => {
    for (const folder of ['/home/ada/open', '/home/ada', '/home/ada/remote-2', '/home/ada/remote/local']) {
      refuseWhatRootCannotSee(`${folder}/v.img`, file(`${folder}/pw`), mounts);
    }
  });
});
