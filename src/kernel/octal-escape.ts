/**
 * Takes back the escapes of the kernel's tables: space, tab, newline, backslash and what else would break a table
 * are written as a backslash and three octal digits (`seq_escape` and `mangle_path` in fs/seq_file.c; proc(5) names
 * them for /proc/PID/mounts). A backslash that no octal number follows is itself.
 */
export function decodeOctalEscapes(escaped: Buffer): Buffer {
  const text = escaped.toString('latin1');
  if (!text.includes('\\')) return escaped;
  const decoded = text.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return Buffer.from(decoded, 'latin1');
}
