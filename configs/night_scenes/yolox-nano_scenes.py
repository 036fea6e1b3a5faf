_base_ = [
    'mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    '../_base_/datasets/night_scenes_detection.py',
]
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

# Dense in place of depthwise convolutions, which are slow on CPUs; images at
# their own size; from random weights.
model = dict(
    data_preprocessor=dict(batch_augments=None),
    backbone=dict(use_depthwise=False),
    neck=dict(use_depthwise=False),
    bbox_head=dict(num_classes=6, use_depthwise=False),
)

train_dataloader = _base_.scenes_train
test_dataloader = _base_.scenes_test
test_evaluator = _base_.scenes_metric
val_dataloader, val_evaluator, val_cfg = None, None, None

train_cfg = dict(_delete_=True, type='mmsdag.ResumableTrainLoop', max_iters=400)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.01))
param_scheduler = dict(
    _delete_=True, type='OneCycleLR', by_epoch=False, eta_max=2e-3, total_steps=400
)
# There is no Mosaic to switch off, and an average of the weights would still
# be full of the first ones.
custom_hooks = []
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(
        type='mmsdag.AtomicCheckpointHook', by_epoch=False, interval=50, max_keep_ckpts=1
    ),
    seed=dict(type='mmsdag.SeedHook'),
    denormals=dict(type='mmsdag.DenormalHook'),
    progress=dict(type='mmsdag.ProgressHook'),
)
log_processor = dict(by_epoch=False)
