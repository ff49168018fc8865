// What a source file says: its failures, its other texts, its comments, and the titles of its tests.
import {readFileSync} from 'node:fs';
import ts from 'typescript';

/** A Failure as its source writes it, with `{name}` for values and `(one | other)` for alternatives. */
export type FailureText = {
  readonly line: number;
  /** The name of the exit code, or what stands for it. */
  readonly code: string;
  readonly what: string;
  readonly why: readonly string[];
  readonly next: readonly string[];
};

export type Located = {readonly line: number; readonly text: string};

export type SourceTexts = {
  readonly failures: readonly FailureText[];
  /** Every other text of two words or more. */
  readonly others: readonly Located[];
  readonly comments: readonly Located[];
  readonly titles: readonly Located[];
};

/** The longest expression that a placeholder shows as it is. */
const longestPlaceholder = 40;

/** Texts with more lines are code of a shell or files of a template. */
const mostLines = 6;

const titleFunctions = /^(describe|it|context)(\.(skip|only))?$/;

/** Static members of a command, which its help page shows. */
const helpMembers = new Set(['summary', 'description', 'examples', 'usage', 'flags', 'args', 'baseFlags', 'aliases']);

export function sourceTexts(path: string): SourceTexts {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const failures: FailureText[] = [];
  const others: Located[] = [];
  const titles: Located[] = [];
  const lineOf = (node: ts.Node): number => source.getLineAndCharacterOfPosition(node.getStart()).line + 1;

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return;
    if (isHelp(node)) return;
    if (isFailure(node)) {
      failures.push({line: lineOf(node), ...failureOf(node)});
      return;
    }
    if (ts.isCallExpression(node) && titleFunctions.test(node.expression.getText())) {
      const [title, ...rest] = node.arguments;
      if (title !== undefined && isText(title)) titles.push({line: lineOf(title), text: render(title)});
      rest.forEach(visit);
      return;
    }
    if (isText(node)) {
      const text = render(node);
      if (isSentence(text)) others.push({line: lineOf(node), text});
      // What is called inside a template may have texts of its own.
      if (!ts.isTemplateExpression(node)) return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  // A constant that is the first sentence of a failure is shown with the failure.
  const shown = new Set(failures.flatMap(({what}) => [what, ...what.replace(/^\(|\)$/g, '').split(' | ')]));
  const rest = others.filter(({text}) => !shown.has(text));
  return {failures, others: rest, comments: commentsOf(source), titles};
}

function isHelp(node: ts.Node): boolean {
  if (ts.isPropertyDeclaration(node)) {
    const isStatic = node.modifiers?.some(({kind}) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
    return isStatic && helpMembers.has(node.name.getText());
  }
  return ts.isCallExpression(node) && /^(Flags|Args)\.\w+$/.test(node.expression.getText());
}

/** A `new Failure(…)`, or a call of a function that makes one: `failure(kind, what, …)`, `refuse(what, {why, next})`. */
function isFailure(node: ts.Node): node is ts.NewExpression | ts.CallExpression {
  if (ts.isNewExpression(node)) return node.expression.getText() === 'Failure';
  if (!ts.isCallExpression(node)) return false;
  if (node.expression.getText() === 'failure') return node.arguments.length > 1;
  const details = node.arguments.at(-1);
  return (
    node.arguments.length > 1 &&
    details !== undefined &&
    ts.isObjectLiteralExpression(details) &&
    details.properties.some(({name}) => name?.getText() === 'why' || name?.getText() === 'next')
  );
}

function failureOf(node: ts.NewExpression | ts.CallExpression): Omit<FailureText, 'line'> {
  const all = [...(node.arguments ?? [])];
  const details = all.length > 1 && !isText(textOf(all.at(-1)!)) ? all.pop() : undefined;
  // `failure(code, what)`, or `refuse(what, why)`, which begins with a sentence.
  const beginsWithSentence = all[0] !== undefined && isText(all[0]) && render(all[0]).includes(' ');
  const [code, what] = beginsWithSentence || all.length < 2 ? [undefined, all[0]] : [all[0], all.at(-1)];
  const why: string[] = [];
  const next: string[] = [];
  const collect = (child: ts.Node): void => {
    if (ts.isPropertyAssignment(child) || ts.isShorthandPropertyAssignment(child)) {
      const value = ts.isPropertyAssignment(child) ? render(child.initializer) : `{${child.name.text}}`;
      if (child.name.getText() === 'why') why.push(value);
      if (child.name.getText() === 'next') next.push(value);
      return;
    }
    ts.forEachChild(child, collect);
  };
  const reason = beginsWithSentence ? all[1] : undefined;
  if (reason !== undefined && (isText(reason) || reason.getText() === 'why')) why.push(render(reason));
  if (details !== undefined) collect(details);
  return {
    code: (code?.getText() ?? '').replace(/^exitCode\./, '').replaceAll("'", ''),
    what: what === undefined ? '' : render(textOf(what)),
    why,
    next,
  };
}

/** What a name stands for, if it is a constant of the same function or file with a text. */
function textOf(node: ts.Node): ts.Node {
  if (!ts.isIdentifier(node)) return node;
  let scope: ts.Node = node;
  while (!ts.isSourceFile(scope)) {
    scope = scope.parent;
    if (!ts.isBlock(scope) && !ts.isSourceFile(scope)) continue;
    const declarations = scope.statements
      .filter(ts.isVariableStatement)
      .flatMap(({declarationList}) => [...declarationList.declarations]);
    const initializer = declarations.find(({name}) => name.getText() === node.text)?.initializer;
    if (initializer !== undefined) return hasText(initializer) ? initializer : node;
  }
  return node;
}

function hasText(node: ts.Node): boolean {
  return isText(node) || (ts.isConditionalExpression(node) && isText(node.whenTrue) && isText(node.whenFalse));
}

function isText(node: ts.Node): boolean {
  if (ts.isBinaryExpression(node)) {
    return node.operatorToken.kind === ts.SyntaxKind.PlusToken && (isText(node.left) || isText(node.right));
  }
  return ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node);
}

/** An expression as its reader sees it. */
function render(node: ts.Node): string {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map((span) => render(span.expression) + span.literal.text).join('');
  }
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node) || ts.isAsExpression(node)) {
    return render(node.expression);
  }
  if (ts.isConditionalExpression(node)) return alternatives(node.whenTrue, node.whenFalse);
  if (ts.isBinaryExpression(node)) {
    const {kind} = node.operatorToken;
    if (kind === ts.SyntaxKind.PlusToken) return render(node.left) + render(node.right);
    if (kind === ts.SyntaxKind.QuestionQuestionToken) return alternatives(node.left, node.right);
  }
  if (ts.isCallExpression(node)) return renderCall(node);
  return placeholder(node);
}

/** Calls that only dress a value (`printable(x)`, `x.join(', ')`) are shown as the value. */
function renderCall(node: ts.CallExpression): string {
  if (ts.isIdentifier(node.expression) && node.arguments[0] !== undefined) return placeholder(node.arguments[0]);
  return placeholder(node);
}

function alternatives(...nodes: ts.Node[]): string {
  const texts = nodes.filter((node) => node.getText() !== 'undefined').map(render);
  return texts.length === 1 ? texts[0]! : `(${texts.map((text) => (text === '' ? '–' : text)).join(' | ')})`;
}

function placeholder(node: ts.Node): string {
  const text = node
    .getText()
    .replace(/\s+/g, ' ')
    .replace(/[!?]/g, '')
    .replace(/\.(join|slice|map|toFixed|toString)\(.*\)$/, '');
  return text.length <= longestPlaceholder && /^[\w.[\]# ]+$/.test(text) ? `{${text}}` : '{…}';
}

/** Two words next to each other, and no code of a shell. */
function isSentence(text: string): boolean {
  const isCode = /[;(] *(do|then|done|fi|exec|exit|trap)\b|^(exec|trap|while|until|if|set|[a-z]+=\S*;) .*\$|"?\$[@\d(]/;
  return /[a-z]{2,}[,:;]? +[a-z{("]/i.test(text) && text.split('\n').length <= mostLines && !isCode.test(text);
}

function commentsOf(source: ts.SourceFile): Located[] {
  const {text} = source;
  const comments = new Map<number, Located>();
  const visit = (node: ts.Node): void => {
    for (const range of [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ]) {
      const line = source.getLineAndCharacterOfPosition(range.pos).line + 1;
      comments.set(range.pos, {line, text: bareComment(text.slice(range.pos, range.end))});
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...comments.values()];
}

/** The words of a comment on one line, without its marks. */
function bareComment(comment: string): string {
  return comment
    .replace(/^\/\*+|\*+\/$|^\/\/+/g, '')
    .replace(/\n\s*\*?/g, ' ')
    .trim();
}
