// Of which types are the rows? They are taken from the types that a generator made of the user's document: no type is
// written twice. Types only.

/** A document with the types of its result and its variables, as GraphQL Code Generator and gql.tada make it. */
export interface TypedDocument<Result, Variables> {
  readonly __apiType?: ((variables: Variables) => Result) | undefined;
}

/**
 * What can be written to a type. Merge it with the generator's input types, and writes are checked against them:
 *
 *     declare module 'everwire' {
 *       interface Inputs {
 *         Task: { create: TaskCreateInput; put: TaskPutInput; patch: TaskPatchInput };
 *       }
 *     }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Inputs {}

type Envelope<Result> = Result extends object ? Result[Exclude<keyof Result, '__typename'>] : never;
type Element<List> = NonNullable<List> extends readonly (infer One)[] ? One : never;
/** The names of an envelope's lists. */
type ListNames<Whole> = {
  [Name in keyof Whole]-?: NonNullable<Whole[Name]> extends readonly object[] ? Name : never;
}[keyof Whole];

type Put<Change> = Change extends { __typename?: infer Name }
  ? NonNullable<Name> extends `${string}Put`
    ? Change
    : never
  : never;
type RowName<Change> = Exclude<keyof Change, '__typename' | 'op' | 'sequence' | 'key' | 'changed' | 'patch'>;

/** The row in a list's PUT. */
export type RowOf<Change> =
  Put<Change> extends infer One ? (One extends object ? One[RowName<One>] & object : never) : never;
/** The name of a row's type. */
export type TypeOf<Change> =
  Put<Change> extends { __typename?: infer Name }
    ? NonNullable<Name> extends `${infer Type}Put`
      ? Type
      : never
    : never;
type KeyIn<Change> = Change extends { key: infer Key } ? Omit<Key & object, '__typename'> : never;
/** The key of a row: what the document selects as `key`, or its `id`. */
export type KeyOf<Change> = [KeyIn<Change>] extends [never]
  ? RowOf<Change> extends { id: infer Id }
    ? { id: Id }
    : { id: string }
  : KeyIn<Change>;

type IsUnion<One, All = One> = One extends unknown ? ([All] extends [One] ? false : true) : never;
/** A key, or just its value if it is of one column. */
export type KeyArgument<Key> = Key | (IsUnion<keyof Key> extends true ? never : Key[keyof Key]);

type Loose<Row> = Partial<Omit<Row, '__typename' | ' $fragmentRefs' | ' $fragmentName'>> & Record<string, unknown>;
type Input<Type, Op extends string, Row> = Type extends keyof Inputs
  ? Inputs[Type] extends Record<Op, infer Values>
    ? Values
    : Loose<Row>
  : Loose<Row>;

/** The parts of a table's type that its methods need. */
export interface TableTypes {
  row: object;
  key: object;
  create: object;
  put: object;
  patch: object;
}

export interface TypesOf<Change> extends TableTypes {
  row: RowOf<Change>;
  key: KeyOf<Change>;
  create: Input<TypeOf<Change>, 'create', RowOf<Change>> & object;
  put: Input<TypeOf<Change>, 'put', RowOf<Change>> & object;
  patch: Input<TypeOf<Change>, 'patch', RowOf<Change>> & object;
}

/** The one table of a subscription's result. */
export type CopyTypes<Result> = TypesOf<Element<Envelope<Result>[ListNames<Envelope<Result>>]>>;
/** The tables of a subscription to `sync`, by the names of their lists. */
export type SyncTypes<Result> = {
  [Name in ListNames<Envelope<Result>>]: TypesOf<Element<Envelope<Result>[Name]>>;
};

/** Variables that are all optional may be left out. */
export type VariablesArgument<Variables> =
  Record<string, never> extends Variables ? [variables?: Variables] : [variables: Variables];
