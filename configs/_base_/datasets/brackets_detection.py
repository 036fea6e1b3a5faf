# What a recognizer finds in dark shots of what it sees in good light.
#
# Gives a test set alone: COCO's 80 classes, COCO mAP and mAP50. The pipeline
# is YOLOX's at 416 pixels; take that of the recognizer, and leave `instances`
# among the meta_keys: the evaluator reads the boxes there, so that it fits any
# part of the data. `scene_range=(None, 900)` is for choosing,
# `scene_range=(901, None)` for reporting.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.Resize', scale=(416, 416), keep_ratio=True),
    dict(type='mmdet.Pad', size=(416, 416), pad_val=dict(img=(114, 114, 114))),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(
        type='mmdet.PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
    ),
]

test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.ExposureBracketDataset',
        data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
        ann_file='dark.json',
        data_prefix=dict(img='images'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

test_evaluator = dict(type='mmdet.CocoMetric', metric='bbox')
