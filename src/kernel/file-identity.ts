import type {BigIntStats} from 'node:fs';
import {fstatSync, statSync} from 'node:fs';

/**
 * Which file it is, under any name: stat(2)'s device and inode number. Both are bigints, because an inode number
 * has 64 bits and a double has 53.
 */
export type FileIdentity = {readonly dev: bigint; readonly ino: bigint};

/** The file that a path leads to, or that a descriptor refers to. Throws what stat(2) and fstat(2) say. */
export function identifyFile(file: string | number): FileIdentity {
  const {dev, ino} = typeof file === 'number' ? fstatSync(file, {bigint: true}) : statSync(file, {bigint: true});
  return {dev, ino};
}

export function sameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** The identity in one word, `8:1:1234`: major and minor number of the device, inode number. */
export function formatFileIdentity({dev, ino}: FileIdentity): string {
  return `${majorOf(dev)}:${minorOf(dev)}:${ino}`;
}

/** The identity that `formatFileIdentity` wrote; undefined for anything else. */
export function parseFileIdentity(text: string): FileIdentity | undefined {
  const [, major, minor, ino] = /^(\d{1,10}):(\d{1,10}):(\d{1,20})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined || ino === undefined) return undefined;
  return {dev: deviceNumber(Number(major), Number(minor)), ino: BigInt(ino)};
}

/** The major number in a dev_t of stat(2), as makedev(3) packs it: bits 8 to 19, the rest from bit 44 on. */
export function majorOf(dev: BigIntStats['dev']): number {
  return Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xffff_f000n));
}

/** The minor number in a dev_t of stat(2), as makedev(3) packs it: bits 0 to 7, the rest from bit 20 on. */
export function minorOf(dev: BigIntStats['dev']): number {
  return Number((dev & 0xffn) | ((dev >> 12n) & 0xffff_ff00n));
}

/** makedev(3). */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xffff_f000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffff_ff00n) << 12n) | (low & 0xffn);
}
