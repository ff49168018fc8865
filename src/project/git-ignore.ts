/** The folder of the vault as `.gitignore` names it. */
export const vaultLine = '.tazpod-vault/';

/** What ignores it as well. */
const alike = new Set([
  '.tazpod-vault',
  '/.tazpod-vault',
  '/.tazpod-vault/',
  '.tazpod-vault/*',
  '/.tazpod-vault/*',
  '.tazpod-vault/**',
]);

/** The content of a `.gitignore` with the vault's line in it; undefined where it ignores the vault already. */
export function withVaultIgnored(content: string): string | undefined {
  const lines = content.split('\n').map((line) => line.trimEnd());
  if (lines.some((line) => line === vaultLine || alike.has(line))) return undefined;
  const end = content.includes('\r\n') ? '\r\n' : '\n';
  return `${content}${content === '' || content.endsWith('\n') ? '' : end}${vaultLine}${end}`;
}
