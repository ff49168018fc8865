import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import {readWhole, writeWhole} from '../../foundation/whole-bytes.ts';
import type {Directory} from '../directory.ts';

/** What a tree holds. Sockets and FIFOs hold nothing and are not counted. */
export type TreeSize = {
  /** Files, directories and links. */
  readonly entries: number;
  /** In files. */
  readonly bytes: number;
};

/** Something in a tree that it cannot be moved with. */
export class Obstacle extends Error {
  /** Where it lies in the tree. */
  readonly path: string;
  /** What is the matter with it, as a clause: "it changes all the time". */
  readonly why: string;

  constructor(path: string, why: string) {
    super(why);
    this.path = path;
    this.why = why;
  }
}

const chunkBytes = 1024 * 1024;
const readable = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const writable = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Counts what a tree holds. Throws an Obstacle where something in it cannot be moved. */
export function measureTree(tree: Directory): TreeSize {
  let entries = 0;
  let bytes = 0;
  walk(tree, '', ({kind, stat}) => {
    if (kind === 'line') return;
    entries += 1;
    if (kind === 'file') bytes += Number(stat.size);
  });
  return {entries, bytes};
}

/**
 * Copies a tree into an empty directory: files with their bytes, modes and times, directories, symbolic links as links.
 * Set-user-ID bits are not taken along, and no file keeps another owner. Nothing is synced.
 */
export function copyTree(from: Directory, to: Directory, way = ''): void {
  for (const {name, path, kind, stat} of entriesOf(from, way)) {
    if (kind === 'line') continue;
    if (kind === 'link') symlinkSync(readlinkSync(from.at(name), {encoding: 'buffer'}), to.at(name));
    else if (kind === 'file') copyFile(from, to, name, path);
    else {
      mkdirSync(to.at(name), {mode: 0o700});
      inBoth(from, to, name, path, (source, target) => {
        copyTree(source, target, path);
        takeOver(target.fd, stat);
      });
    }
  }
}

/** Where a tree differs first from its copy; undefined where it does not. What the copy has besides does not matter. */
export function differenceOf(from: Directory, copy: Directory, way = ''): string | undefined {
  for (const {name, path, kind} of entriesOf(from, way)) {
    if (kind === 'directory') {
      if (copy.look(name)?.isDirectory() !== true) return path;
      const difference = inBoth(from, copy, name, path, (source, target) => differenceOf(source, target, path));
      if (difference !== undefined) return difference;
    } else if (kind !== 'line' && !isSame(from, copy, name, kind)) return path;
  }
  return undefined;
}

/**
 * Removes from a tree what its copy has: each file is compared again right before. What differs stays, and so do
 * the directories above it. Sockets and FIFOs go: a program that needs one makes it again.
 */
export function removeCopied(from: Directory, copy: Directory, way = ''): void {
  for (const {name, path, kind} of entriesOf(from, way)) {
    if (kind === 'directory') {
      if (copy.look(name)?.isDirectory() !== true) continue;
      const emptied = inBoth(from, copy, name, path, (source, target) => {
        // A directory without write permission would keep what is in it.
        fchmodSync(source.fd, 0o700);
        removeCopied(source, target, path);
        return source.names().length === 0;
      });
      if (emptied) rmdirSync(from.at(name));
    } else if (kind === 'line' || isSame(from, copy, name, kind)) unlinkSync(from.at(name));
  }
}

/** Removes everything in a directory, following no link. */
export function emptyTree(tree: Directory): void {
  for (const name of tree.names()) {
    if (tree.look(name)?.isDirectory() === true) {
      const inner = tree.enter(name);
      try {
        fchmodSync(inner.fd, 0o700);
        emptyTree(inner);
      } finally {
        inner.close();
      }
      rmdirSync(tree.at(name));
    } else unlinkSync(tree.at(name));
  }
}

type Entry = {
  readonly name: Buffer;
  readonly path: string;
  /** A `line` is a socket or a FIFO: a way between programs, with nothing in it. */
  readonly kind: 'file' | 'directory' | 'link' | 'line';
  readonly stat: BigIntStats;
};

function walk(tree: Directory, way: string, visit: (entry: Entry) => void): void {
  for (const entry of entriesOf(tree, way)) {
    visit(entry);
    if (entry.kind !== 'directory') continue;
    const inner = entered(tree, entry.name, entry.path);
    try {
      walk(inner, entry.path, visit);
    } finally {
      inner.close();
    }
  }
}

function entriesOf(tree: Directory, way: string): Entry[] {
  const {dev} = tree.stat();
  return tree.names().flatMap((name) => {
    const path = way === '' ? name.toString() : `${way}/${name.toString()}`;
    const stat = tree.look(name);
    // Gone since the directory was read.
    if (stat === undefined) return [];
    if (stat.dev !== dev) throw new Obstacle(path, 'something is mounted there');
    return [{name, path, kind: kindOf(stat, path), stat}];
  });
}

function kindOf(stat: BigIntStats, path: string): Entry['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isSocket() || stat.isFIFO()) return 'line';
  throw new Obstacle(path, 'it is a device');
}

function inBoth<T>(
  from: Directory,
  to: Directory,
  name: Buffer,
  path: string,
  action: (from: Directory, to: Directory) => T,
): T {
  const source = entered(from, name, path);
  try {
    const target = to.enter(name);
    try {
      return action(source, target);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

function entered(tree: Directory, name: Buffer, path: string): Directory {
  try {
    return tree.enter(name);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function copyFile(from: Directory, to: Directory, name: Buffer, path: string): void {
  const source = openFile(from, name, path);
  try {
    const target = openSync(to.at(name), writable, 0o600);
    try {
      const chunk = Buffer.alloc(chunkBytes);
      for (let count; (count = readWhole(source, chunk)) > 0;) writeWhole(target, chunk.subarray(0, count));
      takeOver(target, fstatSync(source, {bigint: true}));
      chunk.fill(0);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

function openFile(from: Directory, name: Buffer, path: string): number {
  try {
    return openSync(from.at(name), readable);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  const {code} = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' ? new Obstacle(path, 'it cannot be read') : error;
}

function takeOver(fd: number, {mode, atimeNs, mtimeNs}: BigIntStats): void {
  fchmodSync(fd, Number(mode) & 0o777);
  futimesSync(fd, Number(atimeNs) / 1e9, Number(mtimeNs) / 1e9);
}

function isSame(from: Directory, copy: Directory, name: Buffer, kind: 'file' | 'link'): boolean {
  const there = copy.look(name);
  if (kind === 'link') {
    if (there?.isSymbolicLink() !== true) return false;
    const [target, copied] = [from, copy].map((each) => readlinkSync(each.at(name), {encoding: 'buffer'}));
    return target!.equals(copied!);
  }
  return there?.isFile() === true && haveSameBytes(from.at(name), copy.at(name));
}

function haveSameBytes(one: Buffer, other: Buffer): boolean {
  const fds: number[] = [];
  const chunks = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)] as const;
  try {
    for (const path of [one, other]) fds.push(openSync(path, readable));
    const [a, b] = fds as [number, number];
    if (fstatSync(a).size !== fstatSync(b).size) return false;
    for (;;) {
      const count = readWhole(a, chunks[0]);
      if (readWhole(b, chunks[1]) !== count) return false;
      if (count === 0) return true;
      if (chunks[0].compare(chunks[1], 0, count, 0, count) !== 0) return false;
    }
  } finally {
    for (const fd of fds) closeSync(fd);
    for (const chunk of chunks) chunk.fill(0);
  }
}
