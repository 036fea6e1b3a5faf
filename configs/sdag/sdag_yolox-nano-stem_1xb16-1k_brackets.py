# The features are those of the very recognizer that will be run: YOLOX-nano,
# up to its stem. YOLOX takes BGR, [0, 255], not normalized.
_base_ = 'sdag_vgg16_1xb16-1k_brackets.py'

yolox = '{{$MMSDAG_YOLOX_NANO:../shared/weights/yolox_nano_coco_mmdet.pth}}'
model = dict(
    generator=dict(
        extractor=dict(
            _delete_=True,
            type='BackboneExtractor',
            backbone=dict(
                type='mmdet.CSPDarknet',
                deepen_factor=0.33,
                widen_factor=0.25,
                use_depthwise=True,
                norm_cfg=dict(type='BN', momentum=0.03, eps=0.001),
                act_cfg=dict(type='Swish'),
            ),
            layer='stem',
            mean=(0, 0, 0),
            std=(1, 1, 1),
            channel_order='bgr',
            init_cfg=dict(type='Pretrained', checkpoint=yolox, prefix='backbone.'),
        )
    )
)
