# Rendered scenes (tools/dataset_converters/night_scenes.py), segmentation: by
# day, to train on and to measure mIoU on. By night: img_path='night/test'.
scenes_root = '{{$MMSDAG_NIGHT_SCENES:data/night_scenes}}'
scenes_meta = dict(
    classes=('background', 'disc', 'box', 'triangle', 'star', 'ring', 'cross'),
    palette=[
        [60, 60, 66],
        [230, 85, 60],
        [65, 135, 215],
        [95, 185, 90],
        [240, 195, 60],
        [165, 95, 200],
        [70, 195, 195],
    ],
)

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmseg.BaseSegDataset',
        data_root=scenes_root,
        data_prefix=dict(img_path='day/train', seg_map_path='masks/train'),
        img_suffix='.png',
        metainfo=scenes_meta,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations'),
            dict(type='mmengine.RandomFlip', prob=0.5),
            dict(type='mmseg.PackSegInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmseg.BaseSegDataset',
        data_root=scenes_root,
        data_prefix=dict(img_path='day/test', seg_map_path='masks/test'),
        img_suffix='.png',
        metainfo=scenes_meta,
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations'),
            dict(type='mmseg.PackSegInputs'),
        ],
    ),
)
test_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_cfg = dict(type='TestLoop')
