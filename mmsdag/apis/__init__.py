from .export import export_onnx
from .export_model import export_model_onnx
from .export_recognizer import export_recognizer_onnx
from .folder import FolderReport, enhance_folder, plan_folder, plan_images
from .inferencer import LowLightInferencer
from .video import VideoReport, enhance_video

__all__ = [
    'FolderReport',
    'LowLightInferencer',
    'VideoReport',
    'enhance_folder',
    'enhance_video',
    'export_model_onnx',
    'export_onnx',
    'export_recognizer_onnx',
    'plan_folder',
    'plan_images',
]
