/** The most that one READ or WRITE moves: what `max_read` and `max_write` are set to. */
export const maxTransferBytes = 1024 * 1024;

/** Whether a volume key of this size is one that AES-XTS takes: two keys of 128 or of 256 bits. */
export function isVolumeKeySize(sizeBytes: number | undefined): sizeBytes is 32 | 64 {
  return sizeBytes === 32 || sizeBytes === 64;
}
