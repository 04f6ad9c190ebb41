#!/usr/bin/env bash
# Builds the native backend of TensorFlow.js for this repository: the addon of @tensorflow/tfjs-node, linked with the
# libtensorflow that comes in the PyPI wheel tensorflow-cpu. See ../README.md.
#
# usage: build.sh [TENSORFLOW_VERSION]     default 2.18.0
# TF_WHEEL_FOLDER keeps the wheel; default .tf-wheel in the root of the repository.
set -euo pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd)
tensorflow=${1:-2.18.0}
wheels=${TF_WHEEL_FOLDER:-$root/.tf-wheel}
tfjs=$(node -p "require('$root/packages/engine-tfjs/package.json').peerDependencies['@tensorflow/tfjs-node']")
package=$root/node_modules/@tensorflow/tfjs-node

fail() {
  echo "$1" >&2
  exit 2
}

[ "$(uname -sm)" = "Linux x86_64" ] ||
  fail "this builds for Linux on x86-64 only: elsewhere, npm install --no-save --ignore-scripts=false @tensorflow/tfjs-node@$tfjs fetches a build where there is one"
for program in pip unzip make c++; do
  command -v "$program" > /dev/null || fail "$program is needed to build the addon: install it and run this again"
done

# Not saved: package.json and package-lock.json stay as they are.
[ -d "$package" ] ||
  (cd "$root" && npm install --no-save --ignore-scripts "@tensorflow/tfjs-node@$tfjs")

wheel_file() {
  find "$wheels" -name "tensorflow_cpu-$tensorflow-*.whl" -print -quit
}
mkdir -p "$wheels"
if [ -z "$(wheel_file)" ]; then
  # Any CPython's wheel will do: nothing of Python in it is used.
  pip download --quiet --no-deps --only-binary :all: --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 \
    --python-version 311 --implementation cp --abi cp311 --dest "$wheels" "tensorflow-cpu==$tensorflow"
fi

# The layout that the package's binding.gyp expects: headers in deps/include, libraries in deps/lib.
deps=$package/deps
rm -rf "$deps"
mkdir -p "$deps/lib"
unzip -q "$(wheel_file)" 'tensorflow/libtensorflow_cc.so.2' 'tensorflow/libtensorflow_framework.so.2' \
  'tensorflow/include/tensorflow/c/*' 'tensorflow/include/tensorflow/core/platform/*' \
  'tensorflow/include/tsl/*' 'tensorflow/include/xla/*' -d "$deps" || [ $? -eq 11 ] # 11: a pattern of another version
mv "$deps/tensorflow/include" "$deps/include"
# The version in the file's name is what the engine's identity reads; the other names are those that are linked with.
mv "$deps/tensorflow/libtensorflow_cc.so.2" "$deps/lib/libtensorflow.so.$tensorflow"
mv "$deps/tensorflow/libtensorflow_framework.so.2" "$deps/lib/"
rm -rf "$deps/tensorflow"
ln -s "libtensorflow.so.$tensorflow" "$deps/lib/libtensorflow_cc.so.2"
ln -s "libtensorflow.so.$tensorflow" "$deps/lib/libtensorflow.so"
ln -s libtensorflow_framework.so.2 "$deps/lib/libtensorflow_framework.so"

# Headers of the running Node, where they came with it; else node-gyp looks for them itself.
node_folder=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
headers=()
for folder in "$node_folder" /usr; do
  if [ -f "$folder/include/node/node_api.h" ]; then
    headers=("--nodedir=$folder")
    break
  fi
done
gyp=$(dirname "$(readlink -f "$(command -v npm)")")/../node_modules/node-gyp/bin/node-gyp.js
log=$wheels/build.log
(cd "$package" && node "$gyp" rebuild "${headers[@]}" --napi_build_version=8 --napi_version=9 \
  --module_name=tfjs_binding --module_path="$package/lib/napi-v8") > "$log" 2>&1 ||
  fail "the addon does not compile: $log says why"

cd "$root/packages/engine-tfjs"
node --import tsx --input-type=module --eval "
  import { tfjsEngine } from '@isthmus/engine-tfjs'
  const { identity } = await tfjsEngine.create({ executionProvider: 'tensorflow' })
  console.log('the backend', identity.executionProvider, 'is ready:', identity.version)
"
