const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Every bound in Ashore, in one table: bytes, counts, milliseconds (the unit is in the name). A download, message, queue
 * or parse that would pass its bound ends with `LIMIT_EXCEEDED` (or the code its clause names), never with more memory.
 */
export const LIMITS = {
  // metadata (The Update Framework 1.0.x, clauses 5.3.3, 5.4.1: X and Y "chosen by the implementer")
  rootBytes: 512 * KIB,
  timestampBytes: 16 * KIB,
  snapshotBytes: 2 * MIB,
  targetsBytes: 5 * MIB,
  rootRotations: 256,
  delegationVisits: 32,
  listedRoles: 1_024,
  metadataDepth: 64,
  // targets
  manifestBytes: 64 * KIB,
  servingConfigBytes: 256 * KIB,
  // models
  graphBytes: 256 * MIB,
  indexBytes: 32 * MIB,
  shardBytes: 16 * MIB,
  defaultShardBytes: 4 * MIB,
  tensorsPerModel: 200_000,
  shardsPerModel: 65_536,
  assetBytes: 256 * MIB,
  /** Elements of a tensor that a manifest holds itself. */
  smallTensorElements: 1_024,
  /** Features that a signature def parses out of one `tf.Example`. */
  exampleFeatures: 1_024,
  /** `tf.Example`s in one request, whose JSON may be as short as `{}`. */
  examplesPerRequest: 1 << 18,
  /** What a context comes to, written in front of each example. */
  contextBytes: 256 * MIB,
  /** Elements that the examples of one request may come to, defaults included. */
  exampleElements: 1 << 25,
  warmUpRecords: 1_000,
  /** A version's warm-up records, as devices read them. */
  warmUpBytes: 64 * MIB,
  /** Warm-up records that a manifest holds itself; more are an asset. */
  inlineWarmUpBytes: 4 * KIB,
  modelJsonBytes: 256 * MIB,
  savedModelBytes: 512 * MIB,
  /** Fields and list elements of a saved_model.pb, a message counted as eight of them. */
  savedModelFields: 2 ** 25,
  /** Of a graph with the functions that it calls in place of the calls. */
  graphNodes: 2_000_000,
  functionDepth: 256,
  /** Models in models, and layers that stand before those that they take their input from. */
  layerDepth: 256,
  appliedLayers: 100_000,
  /** Steps of a recurrent layer that is written out step by step. */
  unrolledSteps: 512,
  protoDepth: 100,
  /** Elements of all constants of a saved_model.pb, also of those that are written as one value for many. */
  constantBytes: 1_024 * MIB,
  variablesIndexBytes: 64 * MIB,
  variablesBlockBytes: 16 * MIB,
  /** What lies beside a model and says how images become inputs and what classes are called, and its files of names. */
  servingJsonBytes: 4 * MIB,
  classNames: 65_536,
  /** Names of classes beyond this, as JSON, are an asset: a manifest is fetched whole at every new version. */
  classNamesInline: 8 * KIB,
  /** A gzip stream expands at most about 1030 times; a decoder stops at the size that the manifest names. */
  encodingOverheadBytes: 64 * KIB,
  // publishing
  /** The cost of scrypt that a key file may ask for: with blocks of 8 that is 1 GiB of memory. */
  scryptCost: 2 ** 20,
  /** Node reads no more into one buffer. */
  weightsFileBytes: 2 ** 31 - 1,
  repositoryDepth: 16,
  importsAtATime: 2,
  signAttempts: 16,
  /** What a server says of an upload that it took or refused. */
  uploadAnswerBytes: 64 * KIB,
  /** The largest blob that a publisher sends: a graph or an asset, in whatever encoding. */
  uploadBytes: 256 * MIB + 64 * KIB,
  selfTestElements: 1 << 24,
  // network
  leastBytesPerSecond: 1_000,
  leastSpeedWindowMs: 30_000,
  parallelFetches: 4,
  fetchAttempts: 4,
  retryBaseMs: 250,
  retryCapMs: 30_000,
  pollSeconds: 60,
  pollBackoffCapMs: 15 * 60_000,
  wholeCycleMs: 24 * 3_600_000,
  // REST
  requestBodyBytes: 64 * MIB,
  requestTimeoutMs: 30_000,
  echoBytes: 256,
  /** Of an image that is decoded; some 100 MB, and four times that while it is. */
  imagePixels: 24 * MIB,
  imageSide: 32_768,
  /** Values that the images of one request become. */
  imageElements: 64 * MIB,
  jsonDepth: 500_000,
  tensorRank: 254,
  // server
  fileCacheBytes: 128 * MIB,
  cachedFileBytes: 17 * MIB,
  controlBodyBytes: 1 * KIB,
  // page and worker
  /** A service worker's event ends after this long at most, and the page asks again: browsers stop a worker whose event runs for minutes. */
  eventMs: 15_000,
  /** A worker that is there says within this that it has a request. One that computes says it late, one that is not ours never. */
  workerTakesMs: 10_000,
  /** A page that lends a worker says so within this. */
  engineOfferMs: 2_000,
  /** A lent worker whose service worker was stopped keeps its model for the next one this long. */
  orphanMs: 5 * 60_000,
  /** A request whose worker died this often while it had it is given up. */
  workerLives: 3,
  /** How long a page holds its requests back for a new service worker, which takes over once the old one has nothing to do. */
  takeOverMs: 5_000,
  /** How long a page waits, before it has its files kept for offline, for its own load and for the service worker to take it over. */
  siteLoadMs: 5_000,
  /** Models that pages of one scope may ask for together. */
  modelsPerScope: 256,
  /** How long a page that is kept waits for the network to say something newer. */
  siteNetworkMs: 4_000,
  /** What a page may have the prebuilt worker keep of its own site. */
  siteEntries: 512,
  siteBytes: 64 * MIB,
  siteEntryBytes: 16 * MIB,
  /** One of TF.js's wasm files, which have some 400 kB. */
  runtimeFileBytes: 8 * MIB,
  // engine
  /** Bytes just stored that are kept in memory for who loads them. */
  freshBlobBytes: 64 * MIB,
  queuedRequests: 1_024,
  firstInferenceMs: 120_000,
  /** Versions of one model that status answers remember; the oldest that ended is forgotten first. */
  trackedVersions: 1_024,
  /** An engine that lived this long since its last death starts with a clean slate. */
  crashMemoryMs: 60_000,
  /** A device keeps at most this many failed digests in mind; the oldest is forgotten first. */
  failedDigests: 256,
  /** An inference longer than this runs in a page's worker, where there is a page: a service worker that computes answers nothing else. */
  heavyInferenceMs: 100,
  drainMs: 30_000,
  /** Beyond this, TF.js's kernels gain little from another thread. */
  wasmThreads: 8,
  /** Faults that a log remembers to have told. */
  toldFaults: 256,
} as const;
