#!/bin/sh
# The paper's ablations at a small size: eight runs, two hours on one core, and their table in runs/ablations/evaluation.
# What is there already is kept, and what was cut off goes on. Result: docs/muser/ablations.
set -e

train() {
    name=$1
    shift
    affetti train "$@" --out "runs/ablations/$name" --resume
}

small=recipes/muser_small.yaml
train faithful $small
train no_regulariser $small --set model.latent=vq
train mean $small --set model.block_reduction=mean
train concatenate $small --set model.latent_into_decoder=concatenate
train global_only $small --set model.decoding=global
train element_only $small --set model.decoding=element
train per_element $small --set model.codebook=per_element --set model.codes=135
train vae recipes/muser_small_vae.yaml

cd runs/ablations
affetti evaluate faithful no_regulariser mean concatenate global_only element_only per_element vae \
    --ablations --pieces 25 --out evaluation --force
