import {listMappings, type Mapping, isRemovedWhenClosed, readMappings} from '../../kernel/device-mapper.ts';
import {prepareLoops} from '../../engines/loop-nodes.ts';
import {formatFileIdentity, identifyFile} from '../../kernel/file-identity.ts';
import {type FileSystemUser, fileSystemUse, type SeenMount} from '../../kernel/file-system-users.ts';
import {kernelRoots, readKernelText} from '../../kernel/kernel-file.ts';
import {type LoopDevice, loopDevicesOf, readLoopDevices} from '../../kernel/loop.ts';
import type {RunningVault} from '../../kernel/open-vaults.ts';
import {readProcessStat, readProcessStatus} from '../../kernel/process-record.ts';
import {membersOfPidNamespace} from '../../kernel/process.ts';
import type {Observation} from '../../lifecycle/cleaning.ts';
import type {Caller} from '../caller.ts';
import {ownVaultsOf} from '../lock.ts';

/**
 * Everything that this machine has of one image, found by the image's inode and by nothing else: what lies on a loop
 * device of the image, what is mounted of that, and who uses it. The writer of an image chooses its LUKS UUID,
 * and the maker of a device its name; neither is asked.
 */
export type Belongings = {
  /** Of the caller. */
  readonly ghosts: readonly RunningVault[];
  readonly holders: readonly FileSystemUser[];
  readonly mounts: readonly SeenMount[];
  readonly mappings: readonly (Mapping & {readonly openCount: number; readonly deferredRemove: boolean})[];
  readonly loops: readonly LoopDevice[];
};

/** Looks at what there is of an open image now. Changes nothing; without root it sees the caller's own ghosts only. */
export async function observe(caller: Caller, imageFd: number): Promise<Belongings> {
  const identity = identifyFile(imageFd);
  const imageId = formatFileIdentity(identity);
  const ghosts = ownVaultsOf(imageId, caller);
  const loops = caller.isolation === 'sealed' ? await loopsOn(identity) : [];
  const mappings = loops.length === 0 ? [] : await mappingsOn(loops);
  const devices = new Set([
    ...loops.flatMap(({name}) => readKernelText(`${kernelRoots.sys}/block/${name}/dev`) ?? []),
    ...mappings.map(({major, minor}) => `${major}:${minor}`),
  ]);
  const {mounts, users} = fileSystemUse(devices);
  const inits = new Set(ghosts.map(({init}) => init.pid));
  const inGhosts = ghosts.flatMap(({init}) =>
    membersOfPidNamespace(init.pid)
      .slice(1)
      .flatMap(({pid}) => userOf(pid) ?? []),
  );
  const holders = new Map([...users, ...inGhosts].map((user) => [user.pid, user]));
  return {ghosts, loops, mappings, mounts, holders: [...holders.values()].filter(({pid}) => !inits.has(pid))};
}

/** What was found, as the caller learns it. */
export function describeBelongings(image: string, {ghosts, holders, mounts, mappings, loops}: Belongings): Observation {
  const [ghost] = ghosts;
  return {
    ...(ghost === undefined ? {} : {uuid: ghost.uuid}),
    image,
    ghosts: ghosts.map(({init}) => ({...init, command: readProcessStat(init.pid)?.comm ?? ''})),
    holders: holders.map(({pid, startTicks, command}) => ({pid, startTicks, command})),
    mounts: mounts.map(({mountPoint, pid, propagation}) => ({
      mountPoint,
      pid,
      shared: propagation.shared !== undefined,
    })),
    mappings: mappings.map(({name, openCount, deferredRemove}) => ({name, openCount, deferredRemove})),
    loops: loops.map(({name, autoclear}) => ({name, autoclear})),
  };
}

async function loopsOn(identity: ReturnType<typeof identifyFile>): Promise<LoopDevice[]> {
  const nodes = await prepareLoops(readLoopDevices().map(({name}) => name));
  try {
    return await loopDevicesOf(identity);
  } finally {
    nodes.forget();
  }
}

/** The mappings that lie on these loop devices, and on nothing else. */
async function mappingsOn(loops: readonly LoopDevice[]): Promise<Belongings['mappings']> {
  const names = new Set(loops.map(({name}) => name));
  const mappings = readMappings().filter(({slaves}) => slaves.length > 0 && slaves.every((slave) => names.has(slave)));
  if (mappings.length === 0) return [];
  const counts = new Map((await listMappings()).map(({major, minor, openCount}) => [`${major}:${minor}`, openCount]));
  return Promise.all(
    mappings.map(async (mapping) => ({
      ...mapping,
      openCount: counts.get(`${mapping.major}:${mapping.minor}`) ?? 0,
      deferredRemove: (await isRemovedWhenClosed(mapping)) ?? false,
    })),
  );
}

function userOf(pid: number): FileSystemUser | undefined {
  const stat = readProcessStat(pid);
  const uid = readProcessStatus(pid)?.uid.real;
  return stat === undefined || uid === undefined
    ? undefined
    : {pid, startTicks: stat.startTicks, command: stat.comm, uid};
}
