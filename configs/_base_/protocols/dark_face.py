# What the protocols of YOLA (NeurIPS 2024) and FRBNet (NeurIPS 2025) for face
# detection on DARK FACE share; mAP50 is as VOC has it since 2010. Their lists
# of images do not come with their code: here the first 5,400 of the 6,000
# images are to train on, the last 600 to test on. Where their published
# configs differ, YOLA's is followed.
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

dark_face = dict(
    type='mmsdag.DarkFaceDataset',
    data_root='{{$MMSDAG_DARK_FACE:data/dark_face}}',
    data_prefix=dict(img_path='image', ann_path='label'),
    bad_boxes='skip',
)
dark_face_train_set = dict(
    **dark_face, number_range=(1, 5400), filter_cfg=dict(filter_empty_gt=True, min_size=32)
)
dark_face_test_set = dict(**dark_face, number_range=(5401, 6000), test_mode=True)

dark_face_train_loader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
)
dark_face_test_loader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)

dark_face_before_resize = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Expand', mean=[0, 0, 0], ratio_range=(1, 2)),
    dict(type='MinIoURandomCrop', min_ious=(0.4, 0.5, 0.6, 0.7, 0.8, 0.9), min_crop_size=0.3),
]
dark_face_after_resize = [dict(type='RandomFlip', prob=0.5), dict(type='PackDetInputs')]
dark_face_after_test_resize = [
    # After Resize: boxes are compared at their own size.
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]

dark_face_metric = dict(type='VOCMetric', metric='mAP', eval_mode='area')
dark_face_optimizer = dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=0.0001)
