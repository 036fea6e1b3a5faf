# Detection on ExDark as YOLA (NeurIPS 2024) and FRBNet (NeurIPS 2025) measure
# it: 3,000 images to train on, 1,800 to validate on, 2,563 to test on; mAP50
# as VOC has it since 2010. Sides, augmentation, optimizer and epochs are those
# of both papers' published configs, the rest is YOLA's where they differ.
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

exdark = dict(
    type='mmsdag.ExDarkDataset',
    data_root='{{$MMSDAG_EXDARK:data/exdark}}',
    data_prefix=dict(img_path='JPEGImages', ann_path='Annotations'),
)
exdark_train = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        **exdark,
        ann_file='train.txt',
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='Expand', mean=[0, 0, 0], ratio_range=(1, 2)),
            dict(
                type='MinIoURandomCrop', min_ious=(0.4, 0.5, 0.6, 0.7, 0.8, 0.9), min_crop_size=0.3
            ),
            dict(type='RandomResize', scale=[(320, 320), (608, 608)], keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
    ),
)
# The last two are known where there is an imageclasslist.txt.
exdark_formatting = dict(
    type='PackDetInputs',
    meta_keys=(
        'img_id',
        'img_path',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'lighting',
        'environment',
    ),
)
exdark_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(608, 608), keep_ratio=True),
    # After Resize: boxes are compared at their own size.
    dict(type='LoadAnnotations', with_bbox=True),
    exdark_formatting,
]
exdark_val = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**exdark, ann_file='val.txt', test_mode=True, pipeline=exdark_test_pipeline),
)
exdark_test = dict(
    exdark_val,
    dataset=dict(**exdark, ann_file='test.txt', test_mode=True, pipeline=exdark_test_pipeline),
)
exdark_metric = dict(type='VOCMetric', metric='mAP', eval_mode='area')

exdark_train_cfg = dict(max_epochs=24, val_interval=1)
exdark_optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=0.0005),
    clip_grad=dict(max_norm=35, norm_type=2),
)
exdark_param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=1000),
    dict(type='MultiStepLR', by_epoch=True, milestones=[18, 23], gamma=0.1),
]

# For recognizers that stay as COCO taught them: COCO's 80 classes, where
# ExDark's Motorbike, People and Table have the places of motorcycle, person
# and dining table. mAP is over the 12 that have boxes.
exdark_frozen = dict(
    **exdark,
    ann_file='test.txt',
    test_mode=True,
    metainfo=dict(
        classes=(
            'People',
            'bicycle',
            'car',
            'Motorbike',
            'airplane',
            'bus',
            'train',
            'truck',
            'boat',
            'traffic light',
            'fire hydrant',
            'stop sign',
            'parking meter',
            'bench',
            'bird',
            'cat',
            'dog',
            'horse',
            'sheep',
            'cow',
            'elephant',
            'bear',
            'zebra',
            'giraffe',
            'backpack',
            'umbrella',
            'handbag',
            'tie',
            'suitcase',
            'frisbee',
            'skis',
            'snowboard',
            'sports ball',
            'kite',
            'baseball bat',
            'baseball glove',
            'skateboard',
            'surfboard',
            'tennis racket',
            'bottle',
            'wine glass',
            'cup',
            'fork',
            'knife',
            'spoon',
            'bowl',
            'banana',
            'apple',
            'sandwich',
            'orange',
            'broccoli',
            'carrot',
            'hot dog',
            'pizza',
            'donut',
            'cake',
            'chair',
            'couch',
            'potted plant',
            'bed',
            'Table',
            'toilet',
            'tv',
            'laptop',
            'mouse',
            'remote',
            'keyboard',
            'cell phone',
            'microwave',
            'oven',
            'toaster',
            'sink',
            'refrigerator',
            'book',
            'clock',
            'vase',
            'scissors',
            'teddy bear',
            'hair drier',
            'toothbrush',
        ),
        palette='random',
    ),
)
