export { exportMlflow, type MlflowExport, type MlflowOptions } from './mlflow.ts'
export { exportTables, type TableFormat, type TableOptions, tableFormats } from './tables.ts'
