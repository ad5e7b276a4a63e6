import type ts from 'typescript';

export interface CodeBlock {
  /** Where its code begins in the page, from 1. */
  readonly line: number;
  readonly code: string;
}

export function codeBlocks(markdown: string): CodeBlock[];
export function packagesOf(code: string): string[];
export function compileBlocks(
  typescript: typeof ts,
  root: string,
  folder: string,
  blocks: readonly { readonly name: string; readonly code: string }[],
): string[];
