# Small crops of all exposures, for a short training on CPU cores; scenes from
# 901 on are held out, and how degraded their dark shots look is measured.
_base_ = ['./brackets_zero_dce.py', './brackets_test.py']

sdag_checkpoint = '{{ fileDirname }}/../../../checkpoints/' \
    'sdag_vgg16_1xb16-1k_brackets.pth'

train_dataloader = dict(
    dataset=dict(
        min_size=128,
        in_memory=True,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(
                type='mmagic.FixedCrop', keys=['img'], crop_size=(128, 128)),
            dict(type='mmagic.PackInputs', keys=['img'])
        ]))

test_cfg = dict(type='TestLoop')
test_evaluator = dict(
    type='SDAGReconstructionError', checkpoint=sdag_checkpoint)
