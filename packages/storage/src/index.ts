export {
  type BlobStorage,
  BlobTooLargeError,
  type ByteRange,
  type DirectRequest,
  type DirectTransfer,
  type WriteOptions,
  WrongContentError,
} from './blob-storage.ts'
export { directoryStorage } from './directory-storage.ts'
export { type S3StorageOptions, s3Storage } from './s3-storage.ts'
