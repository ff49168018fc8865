import {expect} from 'chai';
import {examineUserNamespaces} from '../../src/doctor/user-namespaces.ts';
import type {UserNamespaceVerdict} from '../../src/kernel/namespaces.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient} from './patient.ts';

describe('the doctor on user namespaces', () => {
  after(removeTrees);

  const examine = async (verdict: UserNamespaceVerdict, uid = 1000) =>
    (await examineUserNamespaces(patient({uid, probeUserNamespace: async () => verdict}))).finding;

  it('says which setting forbids them, and the command that allows them', async () => {
    expect(await examine('allowed')).to.include({verdict: 'ok'});
    expect((await examine('max_user_namespaces')).fix).to.equal('sudo sysctl -w user.max_user_namespaces=10000');
    expect((await examine('unprivileged_userns_clone')).fix).to.equal(
      'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    );
    expect((await examine('apparmor')).fix).to.equal('sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0');
    expect(await examine('unsupported')).not.to.have.property('fix');
  });

  it('is a warning to a user, whom sudo can help, and the end for root', async () => {
    expect(await examine('apparmor')).to.include({verdict: 'warning'});
    const root = await examine('max_user_namespaces', 0);
    expect(root).to.include({verdict: 'missing', fix: 'sysctl -w user.max_user_namespaces=10000'});
    expect(root.detail).to.match(/Sealed sessions need one/);
  });
});
