import {closeSync, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, type BigIntStats} from 'node:fs';
import {directory, openStepwise} from '../foundation/open-beneath.ts';

/** A name in a directory. File names are bytes; those that a program chose itself may be text. */
export type Name = Buffer | string;

/**
 * A directory that is worked in by its descriptor: names are looked up in it one at a time, and none of them is
 * followed if it is a symbolic link. If others rename something meanwhile, the work stays in the tree it began in.
 */
export class Directory {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens an absolute path through no symbolic link. Throws the error of the kernel. */
  static open(path: string): Directory {
    return new Directory(openStepwise(path, directory));
  }

  /** Opens what lies below, a relative path, and makes what is missing on the way, 0700. */
  make(path: string): Directory {
    const names = path.split('/');
    let below = this.#making(names[0]!);
    for (const name of names.slice(1)) {
      const above = below;
      below = above.#making(name);
      above.close();
    }
    return below;
  }

  /** Opens a directory in this one. */
  enter(name: Name): Directory {
    return new Directory(openSync(this.at(name), directory));
  }

  /** The path of a name in here. As the last name of a path it is followed only by calls that follow links. */
  at(name: Name): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.fd}/`), Buffer.from(name)]);
  }

  names(): Buffer[] {
    return readdirSync(`/proc/self/fd/${this.fd}/.`, {encoding: 'buffer'});
  }

  /** What a name is, not what it leads to; undefined where there is nothing. */
  look(name: Name): BigIntStats | undefined {
    return lstatSync(this.at(name), {bigint: true, throwIfNoEntry: false});
  }

  stat(): BigIntStats {
    return fstatSync(this.fd, {bigint: true});
  }

  close(): void {
    closeSync(this.fd);
  }

  #making(name: string): Directory {
    try {
      mkdirSync(this.at(name), {mode: 0o700});
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return this.enter(name);
  }
}
