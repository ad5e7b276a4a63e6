import { BadRequestException } from '@nestjs/common';
import { ownField } from '../nest/raw-http.js';

/** A query or a body as frameworks hand them out: a field may be missing, be there twice, or be an object. */
export type Fields = unknown;

/** Sessions of one answer of the JSON API where its client does not say how many. */
const DEFAULT_LIMIT = 50;
/** More at once would keep an answer in memory that nobody reads. */
const MOST_LIMIT = 500;

/** A field that is there once, and not empty. Whatever else it may be counts as missing: for pages, that say what is missing. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  const value = ownField(fields, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The same for programs, which are told. @throws BadRequestException where it is there, and is no text. */
export function strictFieldOf(fields: Fields, name: string): string | undefined {
  const value = ownField(fields, name);
  const field = fieldOf(fields, name);
  if (value !== undefined && field === undefined)
    throw new BadRequestException(`'${name}' is to be given once, and not empty.`);
  return field;
}

/** How many sessions an answer is to have. @throws BadRequestException */
export function limitOf(fields: Fields): number {
  const given = strictFieldOf(fields, 'limit');
  if (given === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,6}$/.test(given) ? Number(given) : NaN;
  if (limit >= 1 && limit <= MOST_LIMIT) return limit;
  throw new BadRequestException(`'limit' is a whole number from 1 to ${MOST_LIMIT}.`);
}
