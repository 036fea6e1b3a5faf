# ResNet-18 trained on CODaN by day, from scratch; tested at night.
_base_ = [
    'mmpretrain::_base_/models/resnet18.py',
    'mmpretrain::_base_/default_runtime.py',
    '../_base_/datasets/codan.py',
    '../_base_/schedules/codan_175e.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(
    data_preprocessor=dict(
        num_classes=10,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        **_base_.classification,
    ),
    head=dict(num_classes=10, topk=(1,)),
)
default_hooks = dict(checkpoint=dict(save_best='auto', max_keep_ckpts=1))
randomness = dict(seed=0)
