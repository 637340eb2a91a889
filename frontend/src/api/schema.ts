/**
 * What the database holds for the page, from the descriptions of the gateways of both demos. Where they differ, a column
 * of one alone may be missing: a user has `tenantId` in one demo and `isAdmin` in the other.
 */
import type { components as Many } from './generated/many-tenants-per-user'
import type { components as One } from './generated/one-tenant-per-user'

type SchemasOfOne = One['schemas']
type SchemasOfMany = Many['schemas']
type Name = keyof SchemasOfOne | keyof SchemasOfMany

type Flat<T> = { [Key in keyof T]: T[Key] }

/** The columns of both, and as perhaps missing those of one alone. */
type Either<A, B> = Flat<
  { [Key in keyof A as Key extends keyof B ? Key : never]: A[Key] | B[Key & keyof B] } & {
    [Key in keyof A as Key extends keyof B ? never : Key]?: A[Key]
  } & { [Key in keyof B as Key extends keyof A ? never : Key]?: B[Key] }
>

type Same<A, B> = [A, B] extends [B, A] ? true : false

/** What has this name in one of the demos, or in both. */
type Schema<Of extends string> = Of extends keyof SchemasOfOne
  ? Of extends keyof SchemasOfMany
    ? Same<SchemasOfOne[Of], SchemasOfMany[Of]> extends true
      ? SchemasOfOne[Of]
      : Either<SchemasOfOne[Of], SchemasOfMany[Of]>
    : SchemasOfOne[Of]
  : Of extends keyof SchemasOfMany
    ? SchemasOfMany[Of]
    : never

/** What is read has all its columns: a column that one demo alone has stays one that may be missing. */
type Whole<Of extends string> = Of extends keyof SchemasOfOne
  ? Of extends keyof SchemasOfMany
    ? Either<Required<SchemasOfOne[Of]>, Required<SchemasOfMany[Of]>>
    : Flat<Required<SchemasOfOne[Of]>>
  : Of extends keyof SchemasOfMany
    ? Flat<Required<SchemasOfMany[Of]>>
    : never

/** A table or view of the API. */
export type Resource = Exclude<Name, `${string}.${string}`>
export type Row<Of extends Resource> = Whole<Of>
export type Insert<Of extends Resource> = Flat<Schema<`${Of}.insert`>>
export type Update<Of extends Resource> = Flat<Schema<`${Of}.update`>>

/** A function of the API. */
export type Procedure = Name extends infer Each ? (Each extends `${infer Of}.arguments` ? Of : never) : never
/** Those that only read. */
export type ReadingProcedure = Extract<Procedure, Schema<'.reading'>>
export type Arguments<Of extends Procedure> = Flat<Schema<`${Of}.arguments`>>
export type Result<Of extends Procedure> =
  Schema<`${Of}.result`> extends (infer Item)[] ? Flat<Required<Item>>[] : Schema<`${Of}.result`>

/** The same in the form that the PostgREST client asks for. */
export interface Database {
  api: {
    Tables: {
      [Of in Resource]: { Row: Row<Of>; Insert: Insert<Of>; Update: Update<Of>; Relationships: [] }
    }
    Views: Record<never, never>
    Functions: { [Of in Procedure]: { Args: Arguments<Of>; Returns: Result<Of> } }
  }
}

export type Patient = Row<'patients'>
export type User = Row<'users'>
export type TenantRow = Row<'tenants'>
