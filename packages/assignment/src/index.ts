export {
  type AssignmentCertificate,
  type CertifiableAssignment,
  certifyAssignment,
} from './certify-assignment.ts'
export {
  type CostMatrix,
  type LinearSumAssignment,
  type LinearSumAssignmentOptions,
  linearSumAssignment,
} from './linear-sum-assignment.ts'
