#!/usr/bin/env node
import { builtProgram } from './build.mjs'

await import(await builtProgram())
