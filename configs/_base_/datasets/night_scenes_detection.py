# Rendered scenes (tools/dataset_converters/night_scenes.py), detection: by
# day, to train on and to measure mAP on. By night: img='night/test'. A leaf
# puts them in place of the dataloaders of the config it inherits.
scenes_root = '{{$MMSDAG_NIGHT_SCENES:data/night_scenes}}'
scenes_meta = dict(classes=('disc', 'box', 'triangle', 'star', 'ring', 'cross'))

scenes_train = dict(
    _delete_=True,
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmdet.CocoDataset',
        data_root=scenes_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='day/train'),
        metainfo=scenes_meta,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='YOLOXHSVRandomAug'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
    ),
)
scenes_test = dict(
    _delete_=True,
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdet.CocoDataset',
        data_root=scenes_root,
        ann_file='annotations/test.json',
        data_prefix=dict(img='day/test'),
        metainfo=scenes_meta,
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            # Changes nothing, but detectors want to know the scale.
            dict(type='Resize', scale_factor=1.0, keep_ratio=True),
            dict(type='LoadAnnotations', with_bbox=True),
            # The true boxes go with the images, so that the metric needs no
            # file of them.
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id',
                    'img_path',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                    'instances',
                ),
            ),
        ],
    ),
)
scenes_metric = dict(_delete_=True, type='mmdet.CocoMetric', metric='bbox')
