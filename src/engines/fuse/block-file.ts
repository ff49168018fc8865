import type {constants} from 'node:os';
import {
  parseRequest,
  replyHeaderBytes,
  ReplyWriter,
  writeDataHeader,
  type FileAttributes,
  type Request,
} from './protocol.ts';
import type {SegmentFile} from './segment-file.ts';

/** The errors of the image that its user may tell apart; every other one is an I/O error. */
const tellingErrors = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'EROFS']);

/** Requests that are about data on its way to the image. */
const losing = new Set<Request['kind']>(['write', 'fsync', 'flush']);

/**
 * Answers the kernel's requests for one regular file whose content is `file`. Never throws: what is not understood,
 * and what fails, is answered with an error.
 */
export class BlockFile {
  readonly #file: SegmentFile;
  readonly #attributes: FileAttributes;
  /** Checked on every write here, because root can write without any permission. */
  readonly #readOnly: boolean;
  readonly #onLoss: (code: string) => void;
  readonly #reply = new ReplyWriter();

  /**
   * `file` must leave `headroomBytes` of headroom. `onLoss` gets the error when the image did not take what was
   * written.
   */
  constructor(
    file: SegmentFile,
    attributes: Omit<FileAttributes, 'sizeBytes'>,
    onLoss: (code: string) => void = () => {},
  ) {
    this.#file = file;
    this.#onLoss = onLoss;
    this.#attributes = {...attributes, sizeBytes: file.sizeBytes};
    this.#readOnly = (attributes.mode & 0o222) === 0;
  }

  /** The reply to one request, valid until the next one; undefined where the kernel waits for none. */
  answer(bytes: Buffer): Buffer | undefined {
    const request = parseRequest(bytes);
    if (request === undefined || request.kind === 'forget') return undefined;
    try {
      return this.#answer(request);
    } catch (error) {
      if (losing.has(request.kind)) this.#onLoss(codeOf(error) ?? 'EIO');
      return this.#reply.error(request.unique, errnoOf(error));
    }
  }

  #answer(request: Exclude<Request, {kind: 'forget'}>): Buffer {
    const {unique} = request;
    switch (request.kind) {
      case 'init':
        return this.#reply.init(unique, request);
      case 'getattr':
        return this.#reply.attributes(unique, this.#attributes);
      case 'lookup':
        return this.#reply.error(unique, 'ENOENT');
      case 'open':
        return this.#reply.opened(unique);
      case 'read':
        return this.#read(request);
      case 'write':
        return this.#write(request);
      case 'fsync':
      case 'flush': // a close of the file: the data is on the image's storage before close(2) returns
        // There is nothing to flush, and not every read-only file system knows fdatasync.
        if (!this.#readOnly) this.#file.flush();
        return this.#reply.done(unique);
      case 'setattr':
        return this.#setattr(request);
      case 'statfs':
        return this.#reply.statfs(unique, this.#attributes);
      case 'access':
      case 'release':
      case 'destroy':
        return this.#reply.done(unique);
      case 'unsupported':
        return this.#reply.error(unique, 'ENOSYS');
      case 'malformed':
        return this.#reply.error(unique, 'EINVAL');
    }
  }

  #read({unique, offsetBytes, lengthBytes}: Request & {kind: 'read'}): Buffer {
    const {data, withHeadroom} = this.#file.read(offsetBytes, lengthBytes);
    writeDataHeader(withHeadroom, unique, data.length);
    return withHeadroom;
  }

  #write({unique, offsetBytes, data}: Request & {kind: 'write'}): Buffer {
    if (this.#readOnly) return this.#reply.error(unique, 'EROFS');
    // As a block device says it: there is no more space behind its end.
    if (offsetBytes + data.length > this.#file.sizeBytes) return this.#reply.error(unique, 'ENOSPC');
    this.#file.write(offsetBytes, data);
    return this.#reply.written(unique, data.length);
  }

  /** Size, owner and permissions are fixed. Times are not kept, and that is no error. */
  #setattr({unique, sizeBytes, changesOwnerOrMode}: Request & {kind: 'setattr'}): Buffer {
    const resizes = sizeBytes !== undefined && sizeBytes !== this.#file.sizeBytes;
    if (resizes || changesOwnerOrMode) return this.#reply.error(unique, 'EPERM');
    return this.#reply.attributes(unique, this.#attributes);
  }
}

export {replyHeaderBytes as headroomBytes};

function errnoOf(error: unknown): keyof typeof constants.errno {
  const code = codeOf(error);
  return code !== undefined && tellingErrors.has(code) ? (code as keyof typeof constants.errno) : 'EIO';
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
