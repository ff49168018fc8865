/** What docs/STYLE.md forbids, and what to write instead. */
export type Phrase = {
  readonly forbidden: RegExp;
  readonly instead: string;
  /** Where it is the right word: a field's own term, or a name of a file format. Paths in the checkout. */
  readonly except?: RegExp;
};

/** Secrets of a backend lie in folders, which is Infisical's own word and a key of `secrets.yml`. */
const secretFolders =
  /^(plugins\/tazpod-infisical|src\/(secrets\/|commands\/secrets|contract\/secret-backend)|docs\/json\.md)/;

/** `pass` calls its directory a store. */
const passStores = /^plugins\/tazpod-pass/;

const phrases: readonly Phrase[] = [
  {forbidden: /\bwho(so)?ever\b/i, instead: 'name the actor: "a process that…", "a user who…"'},
  {forbidden: /\bwhatever\b/i, instead: '"any X", or name it'},
  {forbidden: /\b(is|are|was|were|be|been) told\b/i, instead: 'the actor and a verb: "TazPod tells…", "reports"'},
  {
    forbidden: /\b(is|are|was|were|be|been) said\b/i,
    instead: 'the actor and a verb: "TazPod reports…", "the page says…"',
  },
  {forbidden: /\b(is|are|was|were) none\b/i, instead: '"no X exists", "X is not a Y"'},
  {forbidden: /\bany more\b/i, instead: '"no longer"'},
  {forbidden: /\bcomes? to an end\b/i, instead: '"ends", "times out"'},
  {forbidden: /\bcomes? about\b|\bcame about\b|\b(bring|brings|brought) about\b/i, instead: '"happen", "cause"'},
  {forbidden: /\bma(k|d)es? do\b/i, instead: '"uses", "works without"'},
  {forbidden: /\b(is|are|be) content with\b/i, instead: '"uses", "accepts"'},
  {forbidden: /\blets? go of\b/i, instead: '"releases"'},
  {forbidden: /\b(minds|minded)\b/i, instead: '"watches", "handles", "respects"'},
  {forbidden: /\bonce more\b|\banew\b/i, instead: '"again"'},
  {forbidden: /\bfor ever\b/i, instead: '"permanently", "for as long as…"'},
  {forbidden: /\bmend(s|ed)?\b/i, instead: '"fix"'},
  {forbidden: /\bthat is what\b/i, instead: 'leave it out, or name the thing'},
  {forbidden: /\bso that it is so\b/i, instead: 'leave it out'},
  {forbidden: /\bremarks?\b/i, instead: '"warning"'},
  {forbidden: /\bfolders?\b/i, instead: '"directory"', except: secretFolders},
  {forbidden: /\bstores? of secrets\b|\bsecret stores?\b/i, instead: '"backend"', except: passStores},
];

/** The first forbidden phrase of a text, if it has one. */
export function faultOf(text: string, path: string): Phrase | undefined {
  return phrases.find(({forbidden, except}) => forbidden.test(text) && except?.test(path) !== true);
}
